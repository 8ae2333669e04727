#!/usr/bin/env node
import { buildProgram } from './cli/program.ts';
import { reportFailure } from './cli/report.ts';

await buildProgram().parseAsync().catch(reportFailure);
