import { BUILT_IN } from './built-in-vendors.ts';
import { DECLARATIVE } from './declarative-vendors.ts';
import type { Subject } from './vendor.ts';

/** The five sources in code, and a declarative one of each kind of cursor. */
export const SUBJECTS: readonly Subject[] = [...BUILT_IN, ...DECLARATIVE];
