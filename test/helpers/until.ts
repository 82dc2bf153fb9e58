import { setTimeout as sleep } from "node:timers/promises";

/** Asks again and again until the answer is true. @throws Error after `seconds` */
export async function until(condition: () => Promise<boolean> | boolean, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so within ${seconds} s: ${condition}`);
    await sleep(10);
  }
}
