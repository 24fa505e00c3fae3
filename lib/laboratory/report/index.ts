/** Surface of the laboratory's reports: files, a view for the terminal, a progress bar. A bundle of its own, loaded when a scenario runs (LOADED_LATE in cli/bootstrap.mjs). */
export { checkOutputs, writeReports, type ReportOutputs } from './write-reports.ts';
export { terminalOverview, terminalView, type TerminalSize } from './terminal-view.ts';
export { progress, type Progress } from './progress.ts';
