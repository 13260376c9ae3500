// Parts of a page that stay fresh: an element with an id and data-live="address" is fetched again when something
// changed, and only what differs is put in its place. The address answers the whole page or just the part; the server
// has escaped it, as it did the page itself, and scripts in it never run.

const QUIET = { "x-background": "1", accept: "text/html" };

async function fetchPage(address) {
  const answer = await fetch(address, { headers: QUIET, credentials: "same-origin" });
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    return null;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

export async function fetchPart(address, id) {
  const page = await fetchPage(address);
  return page && page.getElementById(id);
}

// Elements with an id are kept and mended in place, so they keep focus, scroll and open details; others are replaced.
export function put(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) old.setAttribute(name, value);
  const kept = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  const wanted = [...fresh.childNodes].map((one) => {
    const own = one.id && kept.get(one.id);
    if (!own) return document.adoptNode(one);
    put(own, one);
    return own;
  });
  if (!same([...old.childNodes], wanted)) old.replaceChildren(...wanted);
}

function same(have, wanted) {
  return have.length === wanted.length && have.every((one, place) => one === wanted[place] || one.isEqualNode(wanted[place]));
}

async function refresh(address, elements) {
  const page = await fetchPage(address);
  for (const element of elements) {
    const fresh = page && page.getElementById(element.id);
    if (fresh) put(element, fresh);
    element.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
  }
}

// Parts of the same address come with one answer.
export function refreshAll() {
  const wanted = new Map();
  for (const one of document.querySelectorAll("[data-live][id]")) {
    const address = one.dataset.live || location.href;
    wanted.set(address, [...(wanted.get(address) || []), one]);
  }
  return Promise.allSettled([...wanted].map(([address, elements]) => refresh(address, elements)));
}
