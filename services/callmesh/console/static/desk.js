// The call desk: the form, its keys and its command line. A press sends the draft with the id it was opened with, so
// a key that is held or pressed twice is one transfer; an answer that never came is asked for again by the next press.

import { acknowledge, startDuty } from "./alarm.js";
import * as drafts from "./draft.js";
import { fetchPart, put, refreshAll } from "./parts.js";
import * as suggest from "./suggest.js";

const at = (id) => document.getElementById(id);
const form = at("call");
const FIELDS = ["number", "name", "place", "narrative", "language"];
const HARM = ["trapped", "injured", "dead"];
const RECALL = 5000;
let draft = drafts.fresh();
let sending = false;
let last = null;

function say(text, bad = false) {
  at("said").textContent = text;
  at("said").classList.toggle("bad", bad);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { at("said").textContent = ""; }, bad ? 12000 : 6000);
}

const told = (name, given) => form.dataset[name].replace(/\{(\w+)\}/g, (_, key) => given[key]);

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.status === 401) location.assign("/sign-in?next=/desk");
  return answer.json();
}

// --- the draft ---

function read() {
  for (const name of FIELDS) draft[name] = at(name).value;
  for (const name of HARM) draft[name] = Math.min(Math.max(Math.trunc(at(name).valueAsNumber) || 0, 0), 9999);
  draft.consent = !at("refused").checked;
  draft.confidential = at("confidential").checked;
  draft.silent = at("silent").checked;
  return draft;
}

function write() {
  for (const name of [...FIELDS, ...HARM]) at(name).value = draft[name] || "";
  at("refused").checked = draft.consent === false;
  at("confidential").checked = Boolean(draft.confidential);
  at("silent").checked = Boolean(draft.silent);
  banner("");
}

const empty = () => !FIELDS.slice(0, 4).some((name) => at(name).value.trim());

function changed() {
  read();
  drafts.keep(draft);
}

async function restore() {
  const found = await drafts.kept();
  if (found && empty()) {
    draft = { ...drafts.fresh(), ...found };
    write();
    say(told("again"));
    suggest.ask(draft.narrative || "", draft, advised);
    look();
  } else if (!empty()) changed();
}

async function renew() {
  draft = drafts.fresh();
  write();
  suggest.ask("", draft, advised);
  at("history").replaceChildren();
  await drafts.forget();
  at("narrative").focus();
}

// --- emergency: once seen it stays until a person says why not ---

// Where people are hurt nobody waits for the words to say so.
function harmed() {
  changed();
  if (!HARM.some((name) => draft[name]) || draft.emergency || draft.lowered) return;
  draft.emergency = true;
  drafts.keep(draft);
  banner("");
  suggest.ask(at("narrative").value, draft, advised);
}

function advised(found) {
  if (found.emergency && !draft.lowered) {
    draft.emergency = true;
    drafts.keep(read());
  }
  banner(found.incidents.join("、") || found.category);
}

function banner(what) {
  at("banner").hidden = !draft.emergency || Boolean(draft.lowered);
  if (what) at("banner-what").textContent = what;
}

function lower() {
  const box = at("reason-box");
  at("reason-what").textContent = form.dataset.why;
  at("reason").value = "";
  box.returnValue = "";
  box.showModal();
  box.onclose = () => {
    if (box.returnValue === "ok" && at("reason").value.trim()) {
      draft.lowered = at("reason").value.trim();
      banner("");
      changed();
      suggest.ask(at("narrative").value, draft, advised);
    }
    at("narrative").focus();
  };
}

// --- one key ---

async function send(wish, address = "/desk/send") {
  if (sending) return;
  if (!at("narrative").value.trim() && !at("place").value.trim() && !at("silent").checked) {
    say(form.dataset.empty, true);
    at("narrative").focus();
    return;
  }
  sending = true;
  document.body.classList.add("sending");
  read();
  if (!draft.sure || draft.wish !== JSON.stringify(wish)) draft.press += 1;
  draft.wish = JSON.stringify(wish);
  draft.sure = true;
  if (!draft.first) draft.first = { ...draft };
  await drafts.keep(draft);
  try {
    const answer = await post(address, { ...draft, ...wish });
    if (answer.error) await refused(answer);
    else await done(answer);
  } catch {
    say(form.dataset.away, true);
  }
  sending = false;
  document.body.classList.remove("sending");
}

// Who was refused may mend the form: nothing was opened unless the mesh says so, or nobody answered.
async function refused(answer) {
  draft.sure = Boolean(answer.away);
  if (answer.told) draft.told = answer.told;
  else if (!answer.away) draft.first = null;
  await drafts.keep(draft);
  say(answer.error, true);
}

async function done(answer) {
  say(answer.instead ? told("instead", answer) : "");
  const to = [answer.to, ...answer.others].join("、");
  const box = at("sent");
  box.hidden = false;
  if (!answer.referral) box.textContent = told("kept", answer);
  else box.textContent = `${answer.short} · ${told(answer.recallable ? "sent" : "sentHard", { to })}`;
  last = answer.referral ? { ...answer, id: `${draft.id}-${draft.press}`, until: Date.now() + RECALL } : null;
  if (last) setTimeout(() => { if (box.textContent.startsWith(answer.short)) box.textContent = `${answer.short} · ${told("sentFinal", { to })}`; }, RECALL);
  if (answer.plan) await watchTasking(answer.case);
  at("calls").dataset.live = `/desk/calls?case=${encodeURIComponent(answer.case)}`;
  await renew();
  refreshAll();
}

async function recall() {
  const back = last;
  last = null;
  const answer = await post("/desk/recall", back);
  at("sent").textContent = answer.error || form.dataset[back.recallable ? "recalled" : "told"];
  refreshAll();
}

async function take(place) {
  await suggest.settled(at("narrative"), draft, advised);
  const target = suggest.targets[place];
  if (!target) return say(form.dataset.none, true);
  return send({ category: place === 0 ? "" : target.category });
}

// --- calls: a press on a leg; F10 with an empty form joins the call that was put through last ---

async function onCall({ call, case: name, leg = "", agency = "" }) {
  const answer = await post("/desk/call", { do: call, case: name, leg, agency, id: crypto.randomUUID() });
  if (answer.error) say(answer.error, true);
  refreshAll();
}

function conference() {
  const join = document.querySelector('#calls [data-call="conference"]');
  if (empty() && join) onCall(join.dataset);
  else send({ conference: true });
}

// --- a response plan ---

async function watchTasking(name) {
  const fresh = await fetchPart(`/desk/tasking?case=${encodeURIComponent(name)}`, "tasking");
  if (!fresh) return;
  put(at("tasking"), fresh);
  at("tasking").hidden = false;
  at("plans").hidden = true;
  if (!at("tasking-box").open) at("tasking-box").showModal();
}

function plans() {
  at("plans").hidden = false;
  at("tasking").hidden = true;
  at("tasking").removeAttribute("data-live");
  at("tasking-box").showModal();
}

// --- the command line, and the caller's history ---

// Lines are carried out in the order they were typed; one that was refused comes back to be mended.
let before = Promise.resolve();

function command(event) {
  event.preventDefault();
  const line = at("command").value;
  at("command").value = "";
  if (line.trim()) before = before.then(() => carryOut(line));
}

async function carryOut(line) {
  try {
    const answer = await post("/desk/command", { line, id: crypto.randomUUID() });
    if (answer.error) {
      at("command").value = at("command").value || line;
      return say(answer.error, true);
    }
    if (answer.transfer) await send({ agency: answer.transfer });
    else if (answer.open) location.assign(answer.open);
    else say(told("done", answer));
    refreshAll();
  } catch {
    at("command").value = at("command").value || line;
    say(form.dataset.away, true);
  }
}

async function look() {
  const answer = await fetch("/desk/history", {
    method: "POST",
    headers: { "content-type": "application/json", "x-background": "1" },
    body: JSON.stringify({ number: at("number").value }),
  }).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  put(at("history"), page.getElementById("history"));
}

// A softphone opens /desk#number=...: the part after # never leaves the browser.
function pop() {
  const called = new URLSearchParams(location.hash.slice(1));
  if (!called.get("number")) return;
  history.replaceState(null, "", location.pathname);
  if (empty()) at("number").value = called.get("number");
  changed();
  look();
}

// --- keys ---

const ALT = { n: renew, k: () => send({}, "/desk/keep"), p: plans, d: startDuty, a: acknowledge };
const typing = (target) => target.matches("input:not([type=checkbox]), textarea, select");

function pressed(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const act = actOf(event);
  if (!act) return;
  event.preventDefault();
  if (!event.repeat) act();
}

function actOf(event) {
  const { key, altKey, ctrlKey } = event;
  if (at("tasking-box").open) return planKey(key);
  if (at("reason-box").open) return null;
  if (altKey && /^[1-5]$/.test(key)) return () => take(Number(key) - 1);
  if (altKey && ALT[key.toLowerCase()]) return ALT[key.toLowerCase()];
  if (ctrlKey && key === "Enter") return () => take(0);
  const button = document.querySelector(`#keys [data-key="${CSS.escape(key)}"]`);
  if (button && !ctrlKey && !altKey) return () => button.click();
  if (key === "Escape") return last && Date.now() < last.until ? recall : () => document.activeElement.blur();
  if ((key === "/" && (ctrlKey || !typing(event.target)))) return () => at("command").select();
  if (key === "?" && !typing(event.target)) return () => location.assign("/help/keys");
  return null;
}

function planKey(key) {
  const button = at("plans").hidden ? null : document.querySelectorAll("[data-plan]")[Number(key) - 1];
  return /^[1-9]$/.test(key) && button ? () => button.click() : null;
}

document.addEventListener("keydown", pressed);
form.addEventListener("input", changed);
form.addEventListener("submit", (event) => event.preventDefault());
HARM.forEach((name) => at(name).addEventListener("input", harmed));
at("line").addEventListener("submit", command);
at("keys").addEventListener("click", (event) => {
  const key = event.target.closest("button");
  if (key) key.dataset.agency ? send({ agency: key.dataset.agency }) : conference();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-call]");
  if (button) onCall(button.dataset);
});
at("targets").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) take(Number(button.dataset.place));
});
at("plans").addEventListener("click", (event) => {
  const button = event.target.closest("[data-plan]");
  if (!button) return;
  event.preventDefault();
  at("tasking-box").close();
  send({ plan: button.dataset.plan });
});
at("tasking-close").addEventListener("click", () => at("tasking-box").close());
at("tasking-box").addEventListener("close", () => at("narrative").focus());
at("lower").addEventListener("click", lower);
at("new").addEventListener("click", renew);
at("keep").addEventListener("click", ALT.k);
at("plan").addEventListener("click", plans);
at("duty").addEventListener("click", startDuty);
let looking = 0;
at("number").addEventListener("input", () => { clearTimeout(looking); looking = setTimeout(look, 300); });
addEventListener("hashchange", pop);
suggest.start(at("narrative"), () => draft, advised);
await restore();
pop();
document.body.dataset.ready = "1";
