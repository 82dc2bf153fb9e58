/** Thrown by what a check needs and cannot have: why it is skipped. */
export class Skip extends Error {}
