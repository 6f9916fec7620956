// Fills the lists of tasks and episodes. Everything comes in as text nodes, never as markup.
"use strict";

const PAGE = 30;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

function source(title, text) {
  const part = make("div");
  part.append(make("h3", "", title), make("pre", "", text));
  return part;
}

function showTask(task) {
  const body = make("div");
  if (task.reason) body.append(source("Why it fell", task.reason));
  body.append(source("Instruction", task.instruction || ""));
  if (task.evaluate) body.append(source("evaluate", task.evaluate));
  if (task.solution !== undefined) body.append(source("Solution", task.solution));
  (task.failures || []).forEach((code, i) => body.append(source(`Failure case ${i + 1}`, code)));
  if (task.diagnostics && Object.keys(task.diagnostics).length) body.append(source("Diagnostics", JSON.stringify(task.diagnostics, null, 1)));
  return body;
}

function showEpisode(episode) {
  const body = make("div");
  const strip = make("div", "strip");
  strip.title = "Tokens in order; coloured: sampled by the agent, the only ones that are trained on";
  const own = episode.runs.filter(([bit]) => bit).reduce((sum, [, count]) => sum + count, 0);
  const all = episode.runs.reduce((sum, [, count]) => sum + count, 0);
  for (const [bit, count] of episode.runs) {
    const run = make("span", bit ? "own" : "");
    run.style.flex = `${count} 0 0`;
    strip.append(run);
  }
  body.append(make("p", "dim", `${own} of ${all} tokens are the agent's own; ${episode.steps} steps, ` +
    `${episode.calls} tool calls, ended by: ${episode.end}${episode.reason ? ` (${episode.reason})` : ""}`), strip);
  for (const [role, text] of episode.messages) {
    const message = make("div", `message ${role}`);
    message.append(make("span", "role", role === "assistant" ? "agent" : role), make("pre", "", text));
    body.append(message);
  }
  return body;
}

function summarise(label, good, text) {
  const summary = make("summary");
  summary.append(make("span", `tag ${good === true ? "good" : good === false ? "bad" : ""}`, label), text);
  return summary;
}

function browse(id, groupOf, line, show) {
  const rows = JSON.parse(document.getElementById(`${id}-data`).textContent);
  const list = document.getElementById(`${id}-list`);
  const group = document.getElementById(`${id}-group`);
  const search = document.getElementById(`${id}-search`);
  const count = document.getElementById(`${id}-count`);
  for (const name of new Set(rows.map(groupOf))) group.append(make("option", "", name));
  const texts = rows.map((row) => JSON.stringify(row).toLowerCase());
  let shown = PAGE;

  function draw() {
    const words = search.value.toLowerCase();
    const found = rows.filter((row, i) => (!group.value || groupOf(row) === group.value) && texts[i].includes(words));
    count.textContent = `${found.length} of ${rows.length}`;
    list.replaceChildren();
    for (const row of found.slice(0, shown)) {
      const details = make("details");
      details.append(line(row));
      details.addEventListener("toggle", () => {
        if (details.open && details.childElementCount === 1) details.append(show(row));
      });
      list.append(details);
    }
    if (found.length > shown) {
      const more = make("button", "", `Show ${Math.min(PAGE, found.length - shown)} more`);
      more.addEventListener("click", () => { shown += PAGE; draw(); });
      list.append(more);
    }
  }
  group.addEventListener("change", () => { shown = PAGE; draw(); });
  search.addEventListener("input", () => { shown = PAGE; draw(); });
  draw();
}

const KEPT = ["train", "validation"];
browse("tasks", (task) => task.status,
  (task) => summarise(task.status, KEPT.includes(task.status) ? true : task.status.startsWith("not ") ? false : null,
    (task.instruction || "").slice(0, 160)), showTask);
browse("episodes", (episode) => episode.moment,
  (episode) => summarise(episode.reward === null ? "not judged" : episode.reward > 0.5 ? "solved" : "failed",
    episode.reward === null ? null : episode.reward > 0.5,
    `${episode.moment}: ${(episode.messages.find(([role]) => role === "user") || ["", ""])[1].slice(0, 140)}`),
  showEpisode);
document.documentElement.dataset.ready = "yes";
