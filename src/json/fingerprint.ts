/** A 32-bit hash (FNV-1a), which tells apart texts that would take too much memory to keep. */
export function fingerprint(text: string): number {
  let print = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) print = Math.imul(print ^ text.charCodeAt(i), 0x01000193);
  return print;
}
