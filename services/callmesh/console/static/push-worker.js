// One connection to /push for all tabs of this browser: six connections are all that HTTP/1.1 allows.
// A tab that joins late is told how the connection stands now; one that closes says so, dead ones are harmless.

const ports = new Set();
let source = null;
let last = "";
let offset = null;
let seq = "";
let live = false;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function connect() {
  source = new EventSource(last ? `/push?after=${encodeURIComponent(last)}` : "/push");
  const on = (kind) => source.addEventListener(kind, (event) => {
    const data = JSON.parse(event.data);
    if (event.lastEventId) seq = last = event.lastEventId;
    if (kind === "hello") offset = data.now - Date.now();
    if ("live" in data) live = data.live;
    if (kind === "hello") seq = data.seq;
    tell({ kind, data });
  });
  ["hello", "change", "reset", "standing"].forEach(on);
  source.onerror = () => {
    offset = null;
    tell(now());
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

function now() {
  return offset === null ? { kind: "away" } : { kind: "hello", data: { now: Date.now() + offset, seq, live } };
}

onconnect = (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data === "bye") ports.delete(port);
  };
  if (source === null) connect();
  else port.postMessage(now());
};
