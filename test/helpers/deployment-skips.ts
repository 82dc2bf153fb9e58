import { beforeEach } from "vitest";

/** Tests that make no sense on a kind of Redis, by a part of their full name, with the reason. */
const SKIPS: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {};

beforeEach(({ task, skip }) => {
  const skips = SKIPS[process.env.TTSCTL_DEPLOYMENT ?? "single"] ?? [];
  const reason = skips.find(([name]) => name.test(task.fullTestName))?.[1];
  if (reason !== undefined) skip(reason);
});
