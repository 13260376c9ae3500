// Parts of a page that stay fresh: an element with an id and data-live="address" is fetched again when something
// changed, and only what differs is put in its place. The address answers the whole page or just the part; the server
// has escaped it, as it did the page itself, and scripts in it never run.

const QUIET = { "x-background": "1", accept: "text/html" };

export async function fetchPart(address, id) {
  const answer = await fetch(address, { headers: QUIET, credentials: "same-origin" });
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    return null;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById(id);
}

// Children are matched by id, so rows keep their place, their focus and their open details.
export function put(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const focused = document.activeElement && old.contains(document.activeElement) ? document.activeElement.id : "";
  const keyed = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  const wanted = [...fresh.childNodes].map((one) => {
    const kept = one.id && keyed.get(one.id);
    return kept && kept.isEqualNode(one) ? kept : document.adoptNode(one);
  });
  if (!same([...old.childNodes], wanted)) old.replaceChildren(...wanted);
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) old.setAttribute(name, value);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function same(have, wanted) {
  return have.length === wanted.length && have.every((one, place) => one === wanted[place]);
}

export async function refresh(element) {
  const fresh = await fetchPart(element.dataset.live || location.href, element.id);
  if (fresh) put(element, fresh);
  element.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
}

export function refreshAll() {
  return Promise.allSettled([...document.querySelectorAll("[data-live][id]")].map(refresh));
}
