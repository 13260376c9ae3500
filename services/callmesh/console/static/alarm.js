// The alarm: it sounds again and again, and its red bar stands, until somebody acknowledges it (Alt+A).
// What alarms says so itself: an element with data-alarm="key", or a countdown that ran out. A browser lets nothing
// sound before a person pressed something: that is what Start duty is for; until then the bar says that it is mute.
// data-sounding on the bar says whether it sounds, data-beeps how often it did.

import { serverNow } from "./clock.js";

const EVERY = 3000;
const bar = document.getElementById("alarm");
const heard = new Set(JSON.parse(sessionStorage.getItem("acknowledged") || "[]"));
let sound = null;

function ringing() {
  const asks = [...document.querySelectorAll("[data-alarm]")].map((one) => ({ key: one.dataset.alarm, one }));
  const over = [...document.querySelectorAll("[data-overdue] time[data-due]")]
    .filter((one) => Number(one.dataset.due) < serverNow())
    .map((one) => ({ key: `over-${one.closest("[id]").id}-${one.dataset.due}`, one: one.closest("[id]") }));
  return [...asks, ...over].filter(({ key }) => !heard.has(key));
}

function beep() {
  bar.dataset.beeps = Number(bar.dataset.beeps || 0) + 1;
  const now = sound.currentTime;
  for (const [start, pitch] of [[0, 880], [0.22, 660]]) {
    const tone = sound.createOscillator();
    const loud = sound.createGain();
    tone.frequency.value = pitch;
    loud.gain.value = 0.2;
    tone.connect(loud).connect(sound.destination);
    tone.start(now + start);
    tone.stop(now + start + 0.18);
  }
}

function look() {
  const now = ringing();
  bar.hidden = now.length === 0;
  document.body.classList.toggle("alarmed", now.length > 0);
  bar.dataset.sounding = now.length && sound ? "yes" : "no";
  if (!now.length) return;
  const mute = !sound && document.getElementById("duty") ? ` · ${bar.dataset.mute}` : "";
  const text = `${bar.dataset.what}: ${now.length}${mute}`;
  if (bar.firstElementChild.textContent !== text) bar.firstElementChild.textContent = text;
  if (sound) beep();
}

export function acknowledge() {
  for (const { key } of ringing()) heard.add(key);
  sessionStorage.setItem("acknowledged", JSON.stringify([...heard].slice(-500)));
  look();
}

export function startDuty() {
  sound = sound || new AudioContext();
  sound.resume();
  const shown = document.querySelector("#duty [data-on]");
  if (shown) shown.textContent = shown.dataset.on;
  look();
}

export function startAlarm() {
  if (!bar) return;
  bar.querySelector("button").addEventListener("click", acknowledge);
  document.addEventListener("fresh", look);
  setInterval(look, EVERY);
  look();
}
