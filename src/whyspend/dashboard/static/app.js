// What a page does beside being read: bars lead somewhere, commands are copied, and what is new shows up by itself.
"use strict";

function here(changes, to) {
  const address = new URL(to || location.pathname, location.origin);
  const words = new URLSearchParams(location.search);
  for (const [name, value] of changes) {
    if (name === "where") {
      if (!words.getAll("where").includes(value)) words.append("where", value);
    } else words.set(name, value);
    // Other days have other causes.
    if (name === "since") words.delete("driver");
  }
  address.search = words.toString();
  return address;
}

// Each is a day, or the first day of a week or month, in the words of the picture.
function lastDay(first, unit) {
  const day = new Date(`${first}T00:00:00Z`);
  if (unit === "week") day.setUTCDate(day.getUTCDate() + 6);
  if (unit === "month") day.setUTCMonth(day.getUTCMonth() + 1, 0);
  return day.toISOString().slice(0, 10);
}

function follow(event) {
  const bar = event.target.closest("[data-name], [data-at]");
  const figure = event.target.closest("figure.picture");
  if (!bar || !figure) return;
  const { by, time, to } = figure.dataset;
  // A numbered step of this waterfall is a cause: what is behind it is one click away.
  if (figure.dataset.picture === "waterfall") {
    const line = location.pathname === "/reports/explain" && /^(\d+)\. /.exec(bar.dataset.name || "");
    if (line) location.assign(here([["driver", line[1]]], to));
    return;
  }
  const { name, at } = bar.dataset;
  const isNamed = by && name && !name.startsWith("(");
  const changes = [];
  // A second click on the same name, which is filtered by already, looks closer at the time.
  const isFiltered = isNamed && new URLSearchParams(location.search).getAll("where").includes(`${by}=${name}`);
  if (isNamed && !isFiltered && !event.shiftKey) changes.push(["where", `${by}=${name}`]);
  else if (/^\d{4}-\d\d-\d\d$/.test(at || "") && time) changes.push(["since", at], ["until", lastDay(at, time)]);
  if (changes.length) location.assign(here(changes, to));
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
}

function prepare(root) {
  if (navigator.clipboard) for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// Live: a few bytes every five seconds while somebody looks; the page itself only when something changed, and for
// no more than a twentieth of the time: after one that took two seconds to make, the next is asked for 40 seconds later.
const EVERY = 5000;
let state = document.body.dataset.live;
let notBefore = 0;

async function look() {
  if (document.hidden || !state) return;
  const answer = await fetch("/live", { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const now = await answer.json();
  document.getElementById("live").textContent = now.open ? `${now.open} runs go on` : "";
  if (now.state === state || Date.now() < notBefore || isBusy()) return;
  const began = Date.now();
  const page = await fetch(location.href, { headers: { Accept: "text/html" } });
  notBefore = Date.now() + 20 * (Date.now() - began);
  if (page.ok) replace(new DOMParser().parseFromString(await page.text(), "text/html"));
}

// Nothing is taken from under the hands of somebody who types or has opened something.
function isBusy() {
  const focus = document.activeElement;
  return (focus && focus.matches("input, button, select")) || document.querySelector("main details[open]:not(.more-fields), .fold :checked") !== null;
}

function replace(page) {
  const place = window.scrollY;
  for (const part of ["main", "footer"]) {
    const fresh = document.adoptNode(page.querySelector(part));
    prepare(fresh);
    document.querySelector(part).replaceWith(fresh);
  }
  state = page.body.dataset.live;
  window.scrollTo(0, place);
}

function again() {
  look()
    .catch(() => {})
    .finally(() => setTimeout(again, EVERY));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button).catch(() => {});
  else follow(event);
});
// Fields that are empty are as by default: they need not stand in the address.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "get") return;
  for (const field of event.target.querySelectorAll("input[name]")) field.disabled = field.value === "";
  setTimeout(() => event.target.querySelectorAll("input[name]").forEach((field) => (field.disabled = false)));
});
prepare(document);
if (state) setTimeout(again, EVERY);
