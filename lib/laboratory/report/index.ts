/** Surface of the laboratory's reports: files, a view for the terminal, a progress bar. Loaded only when a report is asked for (see REPORT in cli/bootstrap.mjs). */
export { writeReports, type ReportOutputs } from './write-reports.ts';
export { terminalView, type TerminalSize } from './terminal-view.ts';
export { progress, type Progress } from './progress.ts';
