// `/_local/`: the page of sent e-mails.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SCREENS, fits, launch, on, skip } from './browser.js';
import { startCloud } from './cloud.js';

describe('the e-mails of the local cloud', { skip }, () => {
  let cloud, browser;
  before(async () => {
    cloud = await startCloud();
    browser = await launch();
  });
  after(async () => { await Promise.all([cloud?.stop(), browser?.close()]); });

  for (const screen of SCREENS) {
    test(`on ${screen.name}, an e-mail appears when it is sent`, () => on(browser, screen, async page => {
      const email = `reader@${screen.locale.toLowerCase()}.example.com`;
      await cloud.call('POST', '/api/users/', { email, password: 'password123', name: 'Name' });

      await page.goto(`${cloud.url}/_local/`);
      await fits(page);
      assert.equal(await page.getByText(email).count(), 0);
      await cloud.call('POST', '/api/captcha/', { group: 1, email });
      const mail = page.getByRole('article').filter({ hasText: email });
      await mail.waitFor();

      const sent = await cloud.mail(email);
      assert.equal(await mail.getByRole('heading').textContent(), sent.subject);
      assert.equal(await mail.locator('pre').textContent(), sent.text);
      const frame = mail.frameLocator('iframe');
      const code = sent.text.split(/\s/).find(word => /^[0-9A-Z]{8}$/.test(word));
      assert.ok(await frame.getByText(code).isVisible(), 'the HTML version is shown');
      const width = await frame.locator('html').evaluate(html => [html.scrollWidth, html.clientWidth]);
      assert.equal(width[0], width[1], 'the HTML version fits its frame');
      await fits(page);
    }));
  }
});
