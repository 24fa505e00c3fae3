/**
 * Charts as SVG text, for reports of the laboratory and of the benches: no browser, no DOM, no native code, the same bytes for the same values.
 *
 * Built on d3-scale and d3-shape. Measured against others before the choice (bundled without minifying; rendering a line chart twice in one process):
 * ECharts 6 as SVG 1.5 MB, ids differ from one rendering to the next, and holds the process open until disposed; Vega with Vega-Lite 1.7 MB; Observable
 * Plot 0.5 MB and a DOM besides; d3's two 80 kB, pure functions. With them, classes instead of inline colours are ours to choose, which is what lets a
 * page and its print and its dark mode share one drawing.
 */
export { barPanel, type BarGroup, type BarPanel, type BarRow } from './bar-panel.ts';
export { inlineSvg, sheet, svgFile, type Drawing } from './drawing.ts';
export { heatGrid, type HeatGrid } from './heat-grid.ts';
export { legend, legendSign, type LegendEntry } from './legend.ts';
export { durationText, figureText, numberText, percentText } from './number-text.ts';
export { quantileRows, type QuantileRows } from './quantile-rows.ts';
export { escapeText } from './svg.ts';
export { spread, tailCurves, type TailCurve, type TailCurves } from './tail-curves.ts';
export { chartCss, HEAT_LEVELS, heatTableCss, SERIES } from './theme.ts';
export { timePanel, type TimePanel } from './time-panel.ts';
