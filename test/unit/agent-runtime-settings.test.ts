import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

test.each([
  'models.example.com',
  'file:///v1',
  'https://user@models.example.com/v1',
  'https://models.example.com/v1#version',
  'https://models.example.com/v1?version=1#2',
  'https://models.example.com/v1?version=1 2',
])('refuses AGENT_RUNTIME_URL=%j without showing what it may hold', (url) => {
  const shown = /^AGENT_RUNTIME_URL is not acceptable \(its value is not shown\); expected an http/
  expect(() => readConfig({ AGENT_RUNTIME_URL: url })).toThrow(shown)
})

test.each([
  ['https://models.example.com/v1/', 'https://models.example.com/v1'],
  ['https://models.example.com/v1?', 'https://models.example.com/v1'],
  ['https://models.example.com/v1/?a=b', 'https://models.example.com/v1?a=b'],
])('takes %s as AGENT_RUNTIME_URL', (url, taken) => {
  expect(readConfig({ AGENT_RUNTIME_URL: url }).agentRuntime.url).toBe(taken)
})

test.each([
  ['MODEL', 'm'.repeat(101), 'at most 100 characters'],
  ['TIMEOUT_SECONDS', '0', 'a whole number from 1 to 3600'],
  ['TIMEOUT_SECONDS', '3601', 'a whole number from 1 to 3600'],
])('refuses AGENT_RUNTIME_%s=%j and says what it expects', (part, value, expected) => {
  const name = `AGENT_RUNTIME_${part}`
  const message = `${name} is ${JSON.stringify(value)}; expected ${expected}`
  expect(() => readConfig({ [name]: value })).toThrow(message)
})

test.each(['two words', 'ends with a line\n', 'umläute'])(
  'refuses a key that no header can carry, %j, without showing it',
  (key) => {
    const shown =
      /^AGENT_RUNTIME_KEY is not acceptable \(its value is not shown\); expected visible/
    expect(() => readConfig({ AGENT_RUNTIME_KEY: key })).toThrow(shown)
  },
)

test('warns in production of an endpoint whose way anybody can listen on', () => {
  const warningsOf = (url: string) =>
    readConfig({ NODE_ENV: 'production', AGENT_RUNTIME_URL: url }).warnings
  expect(warningsOf('http://models.example.com/v1')).toEqual([
    'AGENT_RUNTIME_URL is http: who stands between reads its key and all that agents are asked',
  ])
  expect(warningsOf('https://models.example.com/v1')).toEqual([])
  expect(warningsOf('http://localhost:11434/v1')).toEqual([])
})
