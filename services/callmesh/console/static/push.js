// This tab's end of the push. listen({change, reset, hello, away}) is told what the one connection hears.

export function listen(hears) {
  const worker = new SharedWorker("/static/push-worker.js", { name: document.documentElement.dataset.account || "" });
  worker.port.onmessage = (event) => {
    const { kind, data } = event.data;
    if (hears[kind]) hears[kind](data);
  };
  addEventListener("pagehide", () => worker.port.postMessage("bye"));
  worker.port.start();
}
