import { describe, expect, it } from "vitest";
import { ServiceClock } from "../../web/time/service-clock.ts";

const shanghai = new ServiceClock("Asia/Shanghai");

describe("times of the service", () => {
  it.each([
    ["2026-11-25T01:07:56.453999", "2026-11-25 01:07:56 +08:00"],
    ["2026-11-24T17:07:56Z", "2026-11-25 01:07:56 +08:00"],
    ["1795540076.9", "2026-11-25 01:07:56 +08:00"],
    ["soon", "soon"],
    ["1e300", "1e300"],
    ["", ""],
  ])("%s is shown as %s", (text, shown) => {
    expect(shanghai.exact(text)).toBe(shown);
    expect(shanghai.ago("soon", 1_000_000, "en")).toBe("soon");
  });

  it("are those of its zone, daylight saving included, whatever the browser's is", () => {
    const berlin = new ServiceClock("Europe/Berlin");
    expect(berlin.exact("2026-07-01T12:00:00")).toBe("2026-07-01 12:00:00 +02:00");
    expect(berlin.time("2026-12-01T12:00:00+00:00")).toBe("13:00:00");
    expect(berlin.time("0")).toBe("01:00:00");
  });

  it("count as UTC in a zone that the browser does not know", () => {
    expect(new ServiceClock("Nowhere/Land").exact("2026-07-01T12:00:00")).toBe("2026-07-01 12:00:00 +00:00");
  });
});
