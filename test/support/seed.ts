import fc from 'fast-check';

/** In CI properties draw the same cases every time, so that a run can be repeated; elsewhere each run draws new ones. */
if (process.env['CI'] === 'true') fc.configureGlobal({ seed: 20_261_124 });
