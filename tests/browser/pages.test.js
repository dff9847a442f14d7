// The pages that e-mails link to, from the e-mail to the changed account.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SCREENS, fits, launch, on, skip } from './browser.js';
import { startCloud } from './cloud.js';

const PASSWORD = 'password123';
const NEW = 'another-password';

describe('the pages that e-mails link to', { skip }, () => {
  let cloud, browser;
  before(async () => {
    cloud = await startCloud();
    browser = await launch();
  });
  after(async () => { await Promise.all([cloud?.stop(), browser?.close()]); });

  async function account(email) {
    const created = await cloud.call('POST', '/api/users/', { email, password: PASSWORD, name: 'Name' });
    assert.equal(created.code, 0, JSON.stringify(created));
    return created.data;
  }
  const login = async (email, password) => (await cloud.call('PUT', '/api/users/login/', { email, password })).code;
  const link = mail => mail.text.split(/\s/).find(word => word.startsWith(cloud.url));
  const code = mail => mail.text.split(/\s/).find(word => /^[0-9A-Z]{8}$/.test(word));
  const shown = (page, name) => page.getByRole('button', { name, exact: true });
  /** Asserts that the control is visible without scrolling. */
  const inView = async control => {
    const { y, height } = await control.boundingBox();
    assert.ok(y >= 0 && y + height <= control.page().viewportSize().height);
  };
  /** Waits until the page shows this message of success. */
  const succeeds = (page, words) => page.locator('#outcome.good', { hasText: words }).waitFor();

  for (const screen of SCREENS) {
    const chinese = screen.locale === 'zh-CN';
    const text = (zh, en) => (chinese ? zh : en);
    const address = what => `${what}@${screen.locale.toLowerCase()}.example.com`;

    test(`on ${screen.name}, an address is confirmed`, () => on(browser, screen, async page => {
      const email = address('confirm');
      const { token } = await account(email);
      const verified = async () =>
        (await cloud.call('GET', `/api/current_user/?token=${token}`)).data.user.email_verified;
      await cloud.call('POST', '/api/users/verification_email/', { email });

      await page.goto(link(await cloud.mail(email)));
      assert.equal(page.url(), `${cloud.url}/verify-email`, 'the address bar shows no token');
      assert.equal(await verified(), false, 'opening the page does not confirm the address');
      await fits(page);
      const confirm = shown(page, text('确认邮箱', 'Confirm the address'));
      await inView(confirm);
      await confirm.click();
      await succeeds(page, text('邮箱已确认，您可以关闭此页面。', 'The address is confirmed. You may close this page.'));
      assert.equal(await verified(), true);
      await fits(page);
    }));

    test(`on ${screen.name}, a change of address is undone`, () => on(browser, screen, async page => {
      const [email, other] = [address('owner'), address('thief')];
      const { token, user } = await account(email);
      const me = async body => (await fetch(`${cloud.url}/api/users/me`, {
        method: body ? 'PUT' : 'GET',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: body && JSON.stringify(body),
      })).status;
      await cloud.call('POST', '/api/users/verification_email/', { email });
      const verification = new URL(link(await cloud.mail(email)));
      const verify = { user_uuid: user.uuid, token: verification.searchParams.get('t') };
      assert.equal((await cloud.call('PUT', '/api/users/email_verified/', verify)).code, 0);
      assert.equal(await me({ email: other }), 200);

      const notice = await cloud.mail(email, mail => link(mail)?.includes('/undo-email-change?'));
      await page.goto(link(notice));
      assert.equal(page.url(), `${cloud.url}/undo-email-change`, 'the address bar shows no token');
      assert.equal(await me(), 200, 'opening the page undoes nothing');
      await fits(page);
      const undo = shown(page, text('撤销更换', 'Undo the change'));
      await inView(undo);
      await undo.click();
      await succeeds(page, text('邮箱已恢复。请查收验证码，并设置新密码。', 'Your address is restored. Please look for the code in your mail, and set a new password.'));
      await fits(page);
      assert.equal(await me(), 401, 'the session that changed the address has ended');
      assert.equal(await login(email, PASSWORD), 0);
      assert.match(code(await cloud.mail(email, code)), /^[0-9A-Z]{8}$/);
    }));

    test(`on ${screen.name}, an invalid link undoes nothing`, () => on(browser, screen, async page => {
      await page.goto(`${cloud.url}/undo-email-change`);
      await page.getByText(text('链接不完整。', 'This link is incomplete.')).waitFor();
      await page.goto(`${cloud.url}/undo-email-change?u=00000000-0000-7000-8000-000000000000&t=nonsense`);
      await shown(page, text('撤销更换', 'Undo the change')).click();
      await page.locator('#outcome:not(.good)', { hasText: text('链接已失效。', 'This link is no longer valid.') }).waitFor();
      await fits(page);
    }, [401]));

    test(`on ${screen.name}, an invalid link confirms nothing`, () => on(browser, screen, async page => {
      await page.goto(`${cloud.url}/verify-email?u=00000000-0000-7000-8000-000000000000&t=nonsense`);
      await shown(page, text('确认邮箱', 'Confirm the address')).click();
      const words = text('链接已失效。请登录后重新获取确认邮件。', 'This link is no longer valid. Please log in and ask for a new mail.');
      await page.locator('#outcome:not(.good)', { hasText: words }).waitFor();
      await fits(page);
    }));

    test(`on ${screen.name}, the link in an e-mail leads to a new password`, () => on(browser, screen, async page => {
      const email = address('forgot');
      await account(email);
      await cloud.call('POST', '/api/captcha/', { group: 1, email });
      const mail = await cloud.mail(email);

      await page.goto(link(mail));
      assert.equal(page.url(), `${cloud.url}/reset-password`);
      await fits(page);
      await change(page, code(mail));
      assert.deepEqual([await login(email, PASSWORD), await login(email, NEW)], [1413, 0]);
    }));

    test(`on ${screen.name}, a visitor without a link requests a code`, () => on(browser, screen, async page => {
      const email = address('ask');
      await account(email);

      await page.goto(`${cloud.url}/reset-password`);
      await fits(page);
      await page.getByLabel(text('邮箱', 'E-mail address')).fill(email);
      const send = shown(page, text('发送验证码', 'Send a code'));
      await inView(send);
      await send.click();
      await succeeds(page, text('验证码已发送，请查收邮件。', 'The code is on its way. Please look at your mail.'));
      await change(page, code(await cloud.mail(email)));
      assert.deepEqual([await login(email, PASSWORD), await login(email, NEW)], [1413, 0]);
    }));

    /** Fills in the form and submits it. */
    async function change(page, code) {
      const password = page.getByLabel(text('新密码', 'New password'));
      const submit = shown(page, text('设置新密码', 'Set the password'));
      await fits(page);
      for (const control of [password, submit]) await inView(control);
      await page.getByLabel(text('邮件中的验证码', 'Code from the mail')).fill(code.toLowerCase());
      await password.fill(NEW);
      await shown(page, text('显示', 'Show')).click();
      assert.equal(await password.getAttribute('type'), 'text', 'the password is visible');
      await submit.click();
      await succeeds(page, text('密码已修改，请用新密码登录。', 'The password is changed. Please log in with the new one.'));
      await fits(page);
    }
  }
});
