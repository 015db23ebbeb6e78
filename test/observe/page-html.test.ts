import { expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { html } from '../../src/observe/page-html.ts';

it('text in a template is never markup, also in an attribute', () => {
  const hostile = `"><script>alert('x')</script>&amp;`;
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;';

  expect(html`<p title="${hostile}">${hostile}</p>`.markup).toBe(`<p title="${escaped}">${escaped}</p>`);
});

it('text in a template has its secrets masked, and what turns the direction of text written out', () => {
  const secret = new Secret('the-token-of-the-html-test');

  expect(html`<p>${`a ${secret.reveal()} b\u202Ec`}</p>`.markup).toBe(String.raw`<p>a [secret] b\u202ec</p>`);
});

it('markup in a template stays as it is, and what is not there is nothing', () => {
  const parts = [html`<b>1</b>`, html`<b>${2}</b>`];

  expect(html`<p>${parts}${undefined}${false}</p>`.markup).toBe('<p><b>1</b><b>2</b></p>');
});
