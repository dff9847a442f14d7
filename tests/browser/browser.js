// The installed Chromium, and the two screens of the tests.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
// No requests besides those of the page under test. A container cannot run Chromium's sandbox.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];

const found = (process.env.PATH ?? '').split(delimiter).flatMap(folder => NAMES.map(name => join(folder, name)));
const executablePath = process.env.CHROMIUM ?? found.find(path => existsSync(path));
if (!executablePath && process.env.CI === 'true') throw new Error('no Chromium is installed');

/** The reason to skip the browser tests, or false. */
export const skip = executablePath ? false : 'no Chromium is installed';

/** The two screens, each in one of the two languages. */
export const SCREENS = [
  { name: 'a desktop', viewport: { width: 1280, height: 800 }, locale: 'en-US' },
  { name: 'a phone', viewport: { width: 360, height: 640 }, locale: 'zh-CN', isMobile: true, hasTouch: true },
];

/** A browser that the tests of a file share. */
export const launch = () => chromium.launch({ executablePath, args: FLAGS });

/**
 * Runs `look` with a new page on this screen. Errors and console errors of the page fail the test, except Chromium's
 * message about a response with one of these `statuses`.
 */
export async function on(browser, { name: _, ...screen }, look, statuses = []) {
  const context = await browser.newContext(screen);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', error => errors.push(error.message));
  const expected = text => statuses.some(status => text.includes(`responded with a status of ${status} `));
  page.on('console', message => {
    if (message.type() === 'error' && !expected(message.text())) errors.push(message.text());
  });
  try {
    await look(page);
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
  }
}

/** Fails if the page is wider than the screen, or the screen cuts off a visible control. */
export async function fits(page) {
  const width = page.viewportSize().width;
  const { scrollWidth, outside } = await page.evaluate(width => {
    const controls = [...document.querySelectorAll('a, button, input, select, textarea, summary')];
    const cut = controls.filter(control => control.checkVisibility()).filter(control => {
      const { left, right } = control.getBoundingClientRect();
      return left < 0 || right > width;
    });
    return { scrollWidth: document.documentElement.scrollWidth, outside: cut.map(control => control.outerHTML.slice(0, 80)) };
  }, width);
  assert.ok(scrollWidth <= width, `the page is ${scrollWidth} pixels wide, the screen ${width}`);
  assert.deepEqual(outside, []);
}
