import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { refusal } from './config-refusal.ts'

// An issuer is compared to the character, so what is read must be one spelling of one origin.
test.each([
  ['https://keys.example.com', 'https://keys.example.com'],
  ['https://keys.example.com/', 'https://keys.example.com'],
  ['HTTPS://Keys.Example.COM:443', 'https://keys.example.com'],
  ['http://localhost:4000', 'http://localhost:4000'],
  ['http://[::1]:4000/', 'http://[::1]:4000'],
  ['https://schlüssel.example', 'https://xn--schlssel-95a.example'],
])('takes %s as PUBLIC_URL', (text, origin) => {
  expect(readConfig({ PUBLIC_URL: text }).publicUrl).toBe(origin)
})

test.each([
  'keys.example.com',
  '//keys.example.com',
  'ftp://keys.example.com',
  'javascript:alert(1)',
  'https://keys.example.com/latchkey',
  'https://keys.example.com/?a=b',
  'https://keys.example.com/#a',
  'https://user@keys.example.com',
  'https://user:pass@keys.example.com',
  'https://:443',
  'https://keys.example.com:65536',
  'https://keys example.com',
])('refuses %s as PUBLIC_URL and says what it expects', (text) => {
  const message = refusal({ PUBLIC_URL: text })
  expect(message).toMatch(/^PUBLIC_URL is not acceptable .*; expected http:\/\/ or https:\/\//)
})

test.each([
  ['10.0.0.1', ['10.0.0.1']],
  [' 10.0.0.0/8 ,\t2001:DB8::/32,::1 ', ['10.0.0.0/8', '2001:db8::/32', '::1']],
  ['::ffff:10.0.0.1,::ffff:10.1.0.0/112', ['10.0.0.1', '10.1.0.0/16']],
  ['192.0.2.1/32,2001:db8::1/128', ['192.0.2.1', '2001:db8::1']],
])('takes %j as TRUSTED_PROXIES', (text, blocks) => {
  expect(readConfig({ TRUSTED_PROXIES: text }).trustedProxies).toEqual(blocks)
})

// One that is not what it seems would let anybody say where they come from.
test.each([
  ',',
  '10.0.0.1,',
  '10.0.0.1 10.0.0.2',
  '10.0.0.1;10.0.0.2',
  '10.0.0.1, proxy.example',
  '10.0.0.1/8',
  '10.0.0.0/33',
  '2001:db8::1/32',
  '10.0.0.0/255.0.0.0',
  '10.0.0.1:80',
  '[::1]',
  'fe80::1%eth0',
  'loopback',
  'true',
  '*',
  '10.0.0.1\n10.0.0.2',
])('refuses %j as TRUSTED_PROXIES and says what it expects', (text) => {
  const message = refusal({ TRUSTED_PROXIES: text })
  expect(message).toContain(`TRUSTED_PROXIES is ${JSON.stringify(text)}; expected addresses`)
})

test.each([
  'redis://redis.example',
  'redis://redis.example:6380/',
  'redis://:pa55word%2Fpa55word@127.0.0.1:6379/15',
  'rediss://app@[::1]:6379',
])('takes %s as REDIS_URL', (text) => {
  expect(readConfig({ REDIS_URL: text }).redisUrl).toBe(text)
})
