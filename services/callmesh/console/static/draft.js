// What is typed and not sent yet, kept in this browser's own store with every key, on disk before it counts as kept:
// it outlives a reload, a killed browser and a killed console. Signing out erases it.

const STORE = "drafts";
const who = document.documentElement.dataset.account;

function open() {
  return new Promise((done, failed) => {
    const asked = indexedDB.open("callmesh", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

let opened = null;

async function within(mode, act) {
  opened = opened || open();
  const deal = (await opened).transaction(STORE, mode, { durability: "strict" });
  const asked = act(deal.objectStore(STORE));
  return new Promise((done, failed) => {
    deal.oncomplete = () => done(asked.result);
    deal.onerror = () => failed(deal.error);
  });
}

export const keep = (draft) => within("readwrite", (store) => store.put(draft, who));
export const kept = () => within("readonly", (store) => store.get(who));
export const forget = () => within("readwrite", (store) => store.delete(who));

export function fresh() {
  return { id: crypto.randomUUID(), press: 0, first: null, told: "", emergency: false, lowered: "" };
}
