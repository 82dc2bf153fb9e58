const MASK = "***";

/** A valid url, taken apart without looking into the parts: scheme, user information, host and path, query. */
const URL_PARTS = /^([^:]*:\/\/)(?:([^/?#]*)@)?([^?]*)(.*)$/s;

/** A valid url for people: its password, before the host or as a parameter, is `***`. */
export function maskUrl(url: string): string {
  const [, scheme, user, place, query] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined) return maskSuspect(url);
  const shownUser = user === undefined ? "" : `${user.replace(/:.+$/s, `:${MASK}`)}@`;
  return `${scheme}${shownUser}${place}${maskParameters(query)}`;
}

/**
 * Any text that may be a url or a part of one, for a message about what is wrong with it. As nobody knows which part was meant for a
 * password, all that could be one is `***`: what stands before the last `@`, what follows a colon and is no port, and parameters.
 */
export function maskSuspect(text: string): string {
  const [, scheme = "", rest] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? ["", "", ""];
  const at = rest.lastIndexOf("@");
  const place = rest.slice(at + 1).replace(/:(?!\d{1,5}(?:[/?#]|$)).*$/s, `:${MASK}`);
  return `${scheme}${at === -1 ? "" : `${MASK}@`}${maskParameters(place)}`;
}

function maskParameters(query: string): string {
  return query.replace(/([?&])(?!db=)([^=&]*)=[^&]*/g, `$1$2=${MASK}`);
}
