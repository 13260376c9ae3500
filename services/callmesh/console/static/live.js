// What every page does once somebody is signed in: countdowns tick, and parts are fetched again when the mesh moves.
// Changes are gathered for half a second; a critical one is shown at once. What could not be fetched is tried again,
// and a part that changes by time alone (data-ages) is fetched now and then. How the connection stands is said in the header, and below it what to do:
// here; away (the console does not answer); stale (it does, but nothing reaches it from the mesh).

import { startAlarm } from "./alarm.js";
import { startClock, setServerTime } from "./clock.js";
import { refreshAll } from "./parts.js";

const GATHER = 500;
const AGES = 20000;
const link = document.getElementById("link");
let planned = 0;
let running = false;
let again = false;

function shows(standing) {
  if (!link) return;
  link.className = `link-state ${standing}`;
  link.textContent = link.dataset[standing];
  const broken = document.getElementById("broken");
  broken.hidden = standing === "here";
  broken.textContent = broken.dataset[standing] || "";
}

async function freshen() {
  planned = 0;
  if (running) {
    again = true;
    return;
  }
  running = true;
  const failed = (await refreshAll()).some((one) => one.status === "rejected");
  running = false;
  if (again || failed) soon(failed ? 4 * GATHER : GATHER);
  again = false;
}

function soon(wait) {
  if (planned && wait) return;
  clearTimeout(planned);
  planned = setTimeout(freshen, wait);
}

// This tab's end of the one connection.
function listen(hears) {
  const worker = new SharedWorker("/static/push-worker.js", { name: document.documentElement.dataset.account });
  worker.port.onmessage = ({ data: { kind, data } }) => hears[kind](data);
  addEventListener("pagehide", () => worker.port.postMessage("bye"));
}

// Of two texts like "r1-0:60,r1-1:41", how far somebody is in each shard: whether the first has what the second lacks.
// (A worker that outlived an upgrade may say a number.)
function ahead(first, second) {
  const heads = (text) => new Map(String(text).split(",").filter(Boolean).map((one) => one.split(":")));
  const there = heads(second);
  return [...heads(first)].some(([shard, seq]) => Number(seq) > Number(there.get(shard) || 0));
}

startClock();
startAlarm();
if (document.querySelector("[data-ages]")) setInterval(() => soon(GATHER), AGES);
let met = false;
listen({
  hello(data) {
    setServerTime(data.now);
    shows(data.live ? "here" : "stale");
    if (met || ahead(data.seq, document.documentElement.dataset.seq)) soon(GATHER);
    met = true;
  },
  change(data) {
    document.dispatchEvent(new CustomEvent("change-heard", { detail: data }));
    soon(data.emergency ? 0 : GATHER);
  },
  reset(data) {
    shows(data.live ? "here" : "stale");
    document.dispatchEvent(new CustomEvent("reset-heard"));
    soon(0);
  },
  standing(data) {
    shows(data.live ? "here" : "stale");
    if (data.live) soon(0);
  },
  away() {
    shows("away");
  },
});
