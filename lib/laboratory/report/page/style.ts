/** Look of the page: screen light and dark, phone, paper. System fonts, nothing fetched. */
import { chartCss, heatTableCss } from '../../../charts/index.ts';

export function pageCss(): string {
  return `${chartCss()}\n${heatTableCss()}\n${PAGE}`;
}

const PAGE = `
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--panel:#f4f6f9;--accent:#0072b2}
@media screen and (prefers-color-scheme:dark){:root{--ground:#14171c;--ink:#eceff3;--soft:#a9b3bf;--line:#353c45;--panel:#1d2229;--accent:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main{max-width:1160px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .3em}h2{font-size:1.3rem;line-height:1.25;margin:0 0 .3em}h3{font-size:1.05rem;margin:1.8em 0 .6em}
h1,h2,h3,p,li,figcaption,dd,dt{overflow-wrap:anywhere}td,th{overflow-wrap:break-word}td{white-space:nowrap}td.text{white-space:normal}
a{color:var(--accent)}
.question{color:var(--soft);margin:.2em 0}
.finding{font-size:1.2rem;line-height:1.45;font-weight:600;border-left:4px solid var(--accent);padding:.1em 0 .1em .8em;margin:.7em 0 1em;max-width:52em}
.soft{color:var(--soft)}.small{font-size:.86rem}
section.scenario{border-top:1px solid var(--line);margin-top:2.6em;padding-top:1.8em}
.first section.scenario{border-top:0;margin-top:0;padding-top:0}
.grid{display:grid;gap:22px 26px;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));align-items:start}
.panels{display:grid;gap:14px 18px;grid-template-columns:repeat(auto-fill,minmax(min(100%,270px),1fr));align-items:start}
figure{margin:0;min-width:0;break-inside:avoid}
figure svg{display:block;width:100%;height:auto;max-width:540px}
.panels figure svg{max-width:400px}
.legend{list-style:none;margin:0 0 .8em;padding:0;display:flex;flex-wrap:wrap;gap:.1em 1.1em;font-size:.86rem}.legend li{display:flex;align-items:center;gap:.4em}.legend svg{flex:none}
figcaption{font-weight:600;font-size:.92rem;margin-bottom:.35em}
.wide{overflow-x:auto;margin:1.1em 0 .4em}.grid .wide{margin-top:0}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:.4em}
th,td{padding:.26em .7em;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}thead th{vertical-align:bottom;line-height:1.25}thead .unit{display:block;font-weight:400;color:var(--soft)}
th:first-child,td.text,th.text{text-align:left}
tbody th{font-weight:600;text-align:left;min-width:6.5em;max-width:18em}
tr.best th,tr.best td{background:var(--panel)}
.heat td{text-align:center;border:2px solid var(--ground);padding:.12em .25em;min-width:4.2em;line-height:1.3}.heat tbody th{vertical-align:middle}.heat th:first-child{text-align:left!important}
.heat thead th{text-align:center;max-width:9em;font-size:.74rem;padding:.2em .25em;overflow-wrap:anywhere}.heat th:first-child{position:sticky;left:0;background:var(--ground);padding-right:.4em}.heat tbody th{min-width:7.6em;max-width:14em}
.key{display:inline-block;padding:0 .55em;margin:0 .35em .3em 0;border-radius:3px;font-size:.8rem}
pre{background:var(--panel);padding:.7em .9em;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.86rem;margin:.5em 0}
ol.events{columns:18em;font-size:.9rem;padding-left:2em}
details{margin:.8em 0}summary{cursor:pointer;color:var(--accent);font-size:.92rem}
dl.words{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;font-size:.88rem}dl.words dt{font-weight:600}dl.words dd{margin:0;color:var(--soft)}
@media (max-width:520px){main{padding:14px 12px 32px}h1{font-size:1.25rem}.finding{font-size:1.05rem}th,td{padding:.24em .45em}dl.words{grid-template-columns:1fr}dl.words dd{margin-bottom:.5em}.heat td{min-width:3.6em}.heat tbody th{min-width:0;max-width:7em}}
@media print{
@page{margin:14mm}
body{font-size:10.5pt}main{max-width:none;padding:0}
.grid{grid-template-columns:1fr 1fr;gap:10px 16px}.panels{grid-template-columns:1fr 1fr 1fr;gap:8px}
section.scenario{break-before:page;border-top:0;margin-top:0;padding-top:0}
.first section.scenario{break-before:auto}
h2,h3,summary,.legend{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}
.wide{overflow:visible}table{font-size:8pt}th,td{padding:.18em .4em}
h2,h3{break-inside:avoid}.heat td{min-width:0;padding:.1em .12em}.heat thead th{font-size:6pt;padding:.1em}.heat tbody th{min-width:0}.heat th:first-child{position:static}
details>summary{list-style:none;color:var(--ink);font-weight:600}
details::details-content{content-visibility:visible;display:block;height:auto}
.heat td,.key,tr.best th,tr.best td{-webkit-print-color-adjust:exact;print-color-adjust:exact}
svg{-webkit-print-color-adjust:exact;print-color-adjust:exact}
a{color:inherit;text-decoration:none}
}`;
