import { consoleHarness } from '../_qradar/console-harness.ts';

export const harness = consoleHarness('qradar');
