import { expect } from 'vitest'
import type { Ask } from './backend.ts'
import type { Service } from './service.ts'

const page = { origin: 'https://app.example' }
const asking = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'a' }

/**
 * Expects that a gateway answers the preflights of browsers by itself, that a page can read what it
 * answers, and that nothing else comes to the service without a key because it is OPTIONS.
 */
export async function expectPreflights(ask: Ask, service: Service, secret: string): Promise<void> {
  const path = '/agents/a'
  const before = service.received.length
  const preflight = { method: 'OPTIONS', headers: { ...page, ...asking } }
  for (const target of [path, '/elsewhere']) {
    const { status, headers } = await ask(null, target, preflight)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-methods')).toBe('*')
    // `*` stands for any header but Authorization (Fetch, 4.8).
    expect(headers.get('access-control-allow-headers')).toBe('Authorization, *')
  }
  for (const headers of [{}, page, asking]) {
    const { status } = await ask(null, path, { method: 'OPTIONS', headers })
    expect([headers, status]).toEqual([headers, 401])
  }
  expect(service.received).toHaveLength(before)

  for (const [key, status] of [
    [secret, 200],
    [null, 401],
  ] as const) {
    const answer = await ask(key, path, { headers: page })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-expose-headers')).toBe('*')
  }
  // Who may do it has OPTIONS passed on like any other method.
  expect((await ask(secret, path, { method: 'OPTIONS' })).received?.method).toBe('OPTIONS')
}
