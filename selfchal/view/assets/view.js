// Redraws what changed while a run goes on, draws curves, and copies links. Pages work without it.
"use strict";

const POLL = 2000; // milliseconds between two looks at whether something changed
const LINGER = 15000; // milliseconds for which it stands there what a click did
const LOST = "selfchal view does not answer; is it still running?";
const STEPS = [1, 2, 5].flatMap((n) => [1, 10, 100, 1000, 10000, 100000].map((m) => n * m)).sort((a, b) => a - b);
const versionAddress = document.body.dataset.version;
const live = document.getElementById("live");
let version = null;

async function ask(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer;
}

async function look() {
  try {
    const now = await (await ask(versionAddress)).json();
    if (version !== null && now !== version) await redraw();
    version = now;
    if (live.textContent === LOST) live.textContent = ""; // what a click did stays to be read
  } catch {
    live.textContent = LOST;
  }
  setTimeout(look, document.hidden ? 5 * POLL : POLL);
}

// The new page comes as a document that is never shown, so no script in it could run.
async function redraw() {
  const text = await (await ask(location.href)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    if (!now || now.innerHTML === old.innerHTML || (focused && focused.matches("input, select"))) continue;
    for (const box of old.querySelectorAll("input:checked")) {
      const same = now.querySelector(`#${CSS.escape(box.id)}`);
      if (same) same.setAttribute("checked", "");
    }
    for (const details of old.querySelectorAll("details[open][id]")) {
      const same = now.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = true;
    }
    const name = focused && nameElement(focused);
    old.replaceChildren(...document.importNode(now, true).childNodes);
    if (name) old.querySelector(name)?.focus({ preventScroll: true });
    old.classList.remove("changed");
    void old.offsetWidth; // lets the animation begin anew
    old.classList.add("changed");
  }
  await drawCurves();
}

// A selector for the element that stands for this one after a redraw, so that the keyboard stays where it was.
function nameElement(element) {
  if (element.matches("details[id] > summary")) return `#${CSS.escape(element.parentElement.id)} > summary`;
  return element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
}

const charts = new Map();

async function drawCurves() {
  const box = document.getElementById("charts");
  if (!box) return;
  const curves = await (await ask(box.dataset.curves)).json();
  for (const curve of curves) {
    const key = `${curve.stage}: ${curve.metric}`;
    const data = [curve.steps, curve.values];
    if (charts.has(key)) charts.get(key).setData(data);
    else charts.set(key, makeChart(box, key, data));
  }
  resizeCharts(); // the first ones were alone when they were made
}

function makeChart(box, key, data) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const figure = document.createElement("section");
  figure.className = "chart";
  const title = document.createElement("h3");
  title.textContent = key.replaceAll("_", " ");
  figure.append(title);
  box.append(figure);
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const short = (_, value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString());
  return new uPlot({
    width: Math.max(240, figure.clientWidth - 16),
    height: 190,
    scales: { x: { time: false } },
    axes: [{ ...axis, label: "update", labelSize: 20, size: 40, incrs: STEPS }, { ...axis, size: 64, values: (_, splits) => splits.map((value) => Number(value.toPrecision(3)).toString()) }],
    series: [{ label: "update" }, { label: "value", stroke: colour("--after"), width: 2, value: short, points: { show: data[0].length < 60, filter: listAlone } }],
  }, data, figure);
}

// Where many points are drawn as a line, one between two gaps would not be seen: it is drawn as a point.
function listAlone(chart, series, show) {
  if (show) return null;
  const values = chart.data[series];
  const has = (i) => values[i] !== null && values[i] !== undefined;
  const alone = [...values.keys()].filter((i) => has(i) && !has(i - 1) && !has(i + 1));
  return alone.length ? alone : null;
}

function resizeCharts() {
  for (const chart of charts.values()) {
    const width = chart.root.parentElement.clientWidth - 16;
    if (width !== chart.width) chart.setSize({ width: Math.max(240, width), height: 190 });
  }
}

// What a click did, until somebody has read it.
function tell(text) {
  live.textContent = text;
  setTimeout(() => { if (live.textContent === text) live.textContent = ""; }, LINGER);
}

// A link that opens elsewhere needs the token, which this page does not know: the server gives it on request.
async function copyLink() {
  const token = await (await ask("/link-token")).json();
  const address = new URL(location.href);
  address.searchParams.set("token", token);
  await navigator.clipboard.writeText(address.href);
  tell("copied; it opens as long as this selfchal view runs");
}

const button = document.getElementById("copy-link");
button.hidden = false;
button.addEventListener("click", () => copyLink().catch(() => tell("the browser does not let this page copy")));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts.values()) chart.root.parentElement.remove();
  charts.clear();
  drawCurves();
});
addEventListener("resize", resizeCharts);
if (versionAddress) look();
drawCurves().finally(() => { document.documentElement.dataset.ready = "yes"; });
