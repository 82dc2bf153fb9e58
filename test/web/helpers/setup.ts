import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type Served, useServer } from "../../http/setup.ts";
import { startBrowser, Tab, type TabOptions } from "./browser.ts";

type Place = ReturnType<typeof useServer>;

export interface WebPlace extends Place {
  /** Serves the root without cleaning it up; the store file has been pushed to Redis when it returns. */
  serveSynced(): Promise<Served>;
  /** Opens the page. Nothing that a page must not do may be noted of it when the test ends. */
  open(url: string, options?: TabOptions): Promise<Tab>;
}

/** A root, its Redis, servers and tabs for the tests of a file, and one browser for all of them. */
export function useWeb(): WebPlace {
  const place = useServer();
  const tabs: Tab[] = [];
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    const complaints = tabs.flatMap((tab) => tab.complaints);
    for (const tab of tabs.splice(0)) await tab.close();
    expect(complaints).toEqual([]);
  });
  const serveSynced = async () => {
    const served = await place.serve("--no-cleanup");
    await served.run.says(/from the file to Redis/);
    return served;
  };
  const open = async (url: string, options: TabOptions = {}) => {
    const tab = await Tab.open(browser, url, options);
    tabs.push(tab);
    return tab;
  };
  return Object.assign(place, { serveSynced, open });
}
