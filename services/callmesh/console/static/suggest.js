// Suggestions as the words are typed. They stand beside the form and never change it. Nothing is asked while an input
// method composes (pinyin), and once after it has committed; an answer that comes after newer words is dropped.

const WAIT = 120;
const at = (id) => document.getElementById(id);
let timer = 0;
let asked = 0;
let shown = "";
export let targets = [];

export function start(box, draft, told) {
  let composing = false;
  box.addEventListener("compositionstart", () => { composing = true; clearTimeout(timer); });
  box.addEventListener("compositionend", () => { composing = false; plan(box, draft, told); });
  box.addEventListener("input", (event) => {
    if (!composing && !event.isComposing) plan(box, draft, told);
  });
}

function plan(box, draft, told) {
  clearTimeout(timer);
  timer = setTimeout(() => ask(box.value, draft(), told), WAIT);
}

export async function ask(text, draft, told) {
  const mine = ++asked;
  if (!text.trim()) return show(text, null, told);
  try {
    const answer = await fetch("/desk/suggest", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ text, emergency: draft.emergency && !draft.lowered }),
    });
    if (mine === asked && answer.ok) show(text, await answer.json(), told);
  } catch {
    // the console is away: the last suggestion stays, typing goes on
  }
}

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// A key that takes a suggestion takes the one for the words that stand there now.
export async function settled(box, draft, told) {
  clearTimeout(timer);
  if (shown !== box.value) await ask(box.value, draft, told);
}

function show(text, found, told) {
  shown = text;
  targets = found ? found.targets : [];
  const verdict = at("verdict");
  verdict.textContent = found && verdict.dataset[found.verdict] ? verdict.dataset[found.verdict] : "";
  verdict.className = found && found.verdict === "emergency" ? "level p0" : "soft";
  const list = at("targets");
  list.replaceChildren(...(targets.length ? targets.map(line) : [element("li", list.dataset.empty, "soft")]));
  at("why").textContent = found ? found.reason : "";
  at("why").title = found ? found.version : "";
  mark(text, found ? found.evidence : []);
  guide(found ? found.guide : null);
  if (found) told(found);
}

function line(target, place) {
  const made = document.createElement("li");
  const button = element("button", "", "target");
  button.type = "button";
  button.dataset.place = place;
  const where = element("span", `${target.name} → `);
  where.append(element("b", target.to));
  button.append(element("kbd", `Alt+${place + 1}`), where);
  const with_ = at("targets").dataset.support;
  const beside = target.support.length ? `${with_} ${target.support.join(at("targets").dataset.and)}` : "";
  const more = [target.score.toFixed(2), target.basis, beside].filter(Boolean).join(" · ");
  made.append(button, element("div", more, "soft"));
  return made;
}

// Evidence counts code points of the words as they were typed.
function mark(text, evidence) {
  const points = [...text];
  const marked = points.map(() => false);
  for (const [start, end] of evidence) marked.fill(true, start, end);
  const parts = [];
  for (let from = 0; from < points.length && evidence.length; ) {
    let to = from;
    while (to < points.length && marked[to] === marked[from]) to += 1;
    parts.push(element(marked[from] ? "mark" : "span", points.slice(from, to).join("")));
    from = to;
  }
  at("marked").replaceChildren(...parts);
}

function guide(found) {
  const has = found && (found.prompt || found.ask.length || found.tell.length);
  at("guide").hidden = !has;
  if (!has) return;
  at("prompt").textContent = found.prompt;
  at("ask").replaceChildren(...found.ask.map((one) => element("li", one)));
  at("tell").replaceChildren(...found.tell.map((one) => element("li", one)));
}
