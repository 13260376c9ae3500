// Time as the server has it, and the countdowns that tick by it.
// Mirrors Words.left in words.py: a page is right before any script ran, and stays right after.

const root = document.documentElement;
const chinese = root.lang.startsWith("zh");
let offset = Number(root.dataset.now) - Date.now();

export function setServerTime(millis) {
  offset = millis - Date.now();
}

export function serverNow() {
  return Date.now() + offset;
}

export function left(seconds) {
  const over = seconds < 0 ? (chinese ? "超 " : "+") : "";
  const whole = Math.abs(Math.trunc(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole >= 172800) {
    const days = Math.trunc(whole / 86400);
    const hours = Math.trunc((whole % 86400) / 3600);
    return over + (chinese ? `${days}天 ${hours}时` : `${days}d ${hours}h`);
  }
  const hours = Math.trunc(whole / 3600);
  const minutes = Math.trunc((whole % 3600) / 60);
  const rest = two(whole % 60);
  return over + (hours ? `${hours}:${two(minutes)}:${rest}` : `${two(minutes)}:${rest}`);
}

function tick() {
  const now = serverNow();
  for (const one of document.querySelectorAll("time[data-due]")) {
    const seconds = (Number(one.dataset.due) - now) / 1000;
    const text = left(seconds);
    const digits = one.querySelector("b");
    if (digits.textContent !== text) digits.textContent = text;
    const lamp = seconds < 0 ? "over" : seconds < 300 ? "near" : "ok";
    if (!one.classList.contains(lamp)) {
      one.classList.remove("over", "near", "ok");
      one.classList.add(lamp);
    }
  }
}

export function startClock() {
  tick();
  setInterval(tick, 1000);
}
