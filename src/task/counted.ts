/** `1 task`, `2 tasks`: a count with what is counted, given as one. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
