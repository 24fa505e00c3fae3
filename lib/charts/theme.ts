/**
 * Colours of charts as CSS classes: light, dark (prefers-color-scheme) and print. Hues are Okabe and Ito's, chosen to be told apart with any colour
 * vision, darkened for white paper and lightened for dark screens to at least 3:1 against their ground. Colour is never the only channel: every
 * series has a dash pattern and a marker of its own too. Rules hold plain values, not CSS variables, as converters and viewers of SVG files know no
 * variables; such a program, not knowing media queries either, gets the light colours.
 */
import { symbolCircle, symbolCross, symbolDiamond, symbolSquare, symbolStar, symbolTriangle, symbolWye, type SymbolType } from 'd3-shape';

/** How a series is drawn; slot n of a chart always looks the same. */
export interface SeriesStyle { readonly light: string; readonly dark: string; readonly dash: string | null; readonly symbol: SymbolType }

export const SERIES: readonly SeriesStyle[] = [
  { light: '#0072b2', dark: '#56b4e9', dash: null, symbol: symbolCircle },
  { light: '#c44f00', dark: '#ff8f4f', dash: '7 3', symbol: symbolSquare },
  { light: '#007a5a', dark: '#2fcf9f', dash: '2 3', symbol: symbolTriangle },
  { light: '#a8478a', dark: '#eba6d0', dash: '9 3 2 3', symbol: symbolDiamond },
  { light: '#9a6a00', dark: '#f2c14b', dash: '4 2', symbol: symbolCross },
  { light: '#333333', dark: '#e4e4e4', dash: '12 4', symbol: symbolStar },
  { light: '#3d85c6', dark: '#9fb8ff', dash: '1 2', symbol: symbolWye },
  { light: '#7a3b00', dark: '#d9a679', dash: '5 2 1 2 1 2', symbol: symbolCircle },
];

interface Role { readonly selector: string; readonly property: 'fill' | 'stroke'; readonly light: string; readonly dark: string }

const ROLES: readonly Role[] = [
  { selector: '.c-ground', property: 'fill', light: '#ffffff', dark: '#14171c' },
  { selector: '.c-halo', property: 'stroke', light: '#ffffff', dark: '#14171c' },
  { selector: '.c-ink', property: 'fill', light: '#1b1f24', dark: '#eceff3' },
  { selector: '.c-soft', property: 'fill', light: '#57606a', dark: '#a9b3bf' },
  { selector: '.c-grid', property: 'stroke', light: '#dfe3e8', dark: '#2f353d' },
  { selector: '.c-rule', property: 'stroke', light: '#57606a', dark: '#a9b3bf' },
  { selector: '.c-mark', property: 'stroke', light: '#1b1f24', dark: '#eceff3' },
  { selector: '.c-bar', property: 'fill', light: '#8aa9c1', dark: '#4f6f8a' },
  { selector: '.c-best', property: 'fill', light: '#0072b2', dark: '#56b4e9' },
  { selector: '.c-worst', property: 'fill', light: '#c44f00', dark: '#ff8f4f' },
  { selector: '.c-faint', property: 'stroke', light: '#b6bec8', dark: '#4a525c' },
  { selector: '.c-band0', property: 'fill', light: '#d3e4f1', dark: '#20394d' },
  { selector: '.c-band1', property: 'fill', light: '#94c1e0', dark: '#33648a' },
  ...SERIES.flatMap(({ light, dark }, slot): Role[] => [{ selector: `.c-s${slot}`, property: 'stroke', light, dark }, { selector: `.c-f${slot}`, property: 'fill', light, dark }]),
];

/** Steps of a heat map from best (0) to worst, each with a text colour that is legible on it. */
const HEAT: readonly { readonly light: readonly [ground: string, ink: string]; readonly dark: readonly [ground: string, ink: string] }[] = [
  { light: ['#1b6ca8', '#ffffff'], dark: ['#8fd0ff', '#06121c'] },
  { light: ['#7fb2d9', '#10161c'], dark: ['#4f93c4', '#06121c'] },
  { light: ['#d5e5f2', '#10161c'], dark: ['#2b4c66', '#f2f5f8'] },
  { light: ['#fbe3cf', '#10161c'], dark: ['#5a3a22', '#f2f5f8'] },
  { light: ['#f0a868', '#10161c'], dark: ['#a85a1c', '#ffffff'] },
  { light: ['#a84300', '#ffffff'], dark: ['#ff9a5a', '#1c0d02'] },
];
export const HEAT_LEVELS = HEAT.length;

const BASE = [
  '.c-chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;font-size:12px}',
  '.c-title{font-size:15px;font-weight:600}', '.c-head{font-size:13px;font-weight:600}', '.c-small{font-size:11px}', '.c-strong{font-weight:600}',
  '.c-line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:butt}', '.c-faint{fill:none;stroke-width:1.2}', '.c-grid{stroke-width:1}', '.c-rule{stroke-width:1}', '.c-mark{stroke-width:1.5}',
  '.c-halo{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}', '.c-floor{stroke-dasharray:4 3}', '.c-event{stroke-dasharray:2 3}',
];

/** The rules of every class that charts use. `scheme`: both, or one of them alone (a picture for a page that is never dark). */
export function chartCss(scheme: 'both' | 'light' = 'both'): string {
  const print = `@media print{${rules('light')}}`;
  return [...BASE, rules('light'), ...(scheme === 'both' ? [`@media screen and (prefers-color-scheme:dark){${rules('dark')}}`, print] : [])].join('\n');
}

/** For cells of HTML tables: background and colour instead of fill. */
export function heatTableCss(): string {
  const heat = (which: 'light' | 'dark'): string => HEAT.map((step, level) => `.heat${level}{background:${step[which][0]};color:${step[which][1]}}`).join('');
  return `${heat('light')}\n@media screen and (prefers-color-scheme:dark){${heat('dark')}}`;
}

function rules(which: 'light' | 'dark'): string {
  return [
    ...ROLES.map((role) => `${role.selector}{${role.property}:${role[which]}}`),
    ...HEAT.map((step, level) => `.c-h${level}{fill:${step[which][0]}}.c-hi${level}{fill:${step[which][1]}}`),
  ].join('');
}
