import { afterAll, expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import {
  documented,
  forged,
  type Head,
  type Headers,
  omit,
  ownAddress,
  pick,
  send,
  startForwarding,
} from './forwarding.ts'

const { world, workspace, latchkey, verifier, close } = await startForwarding()
afterAll(close)
const make = seed(world, workspace.secret)
const permissions = ['agents:read', 'agents:update']
const near = '203.0.113.9'
const client = await make.key({ name: 'client', permissions, allSpaces: true, allowedIps: [near] })
const reader = await make.key({ name: 'reader', permissions: ['agents:read'], allSpaces: true })

const { listeners, clusters } = (await documented('/etc/envoy/envoy.yaml')).static_resources
const manager = listeners[0].filter_chains[0].filters[0].typed_config
const filterNames: string[] = manager.http_filters.map(({ name }: any) => name.split('.').at(-1))
const authorization = manager.http_filters[filterNames.indexOf('ext_authz')].typed_config
const { path_prefix, authorization_request, authorization_response } = authorization.http_service
const [host] = manager.route_config.virtual_hosts
const exact = (list: any): string[] => list.patterns.map((pattern: any) => pattern.exact)
const removedEarly: string[] =
  manager.early_header_mutation_extensions[0].typed_config.mutations.map(
    ({ remove }: any) => remove,
  )

/** What ext_authz asks of a request: `RawHttpClientImpl::check`, and `AsyncStreamImpl::sendHeaders`. */
async function ask({ method, path, headers, from }: Head) {
  const forwarded = [headers['x-forwarded-for'], from, ownAddress].filter(Boolean).join(',')
  const allowed = ['authorization', ...exact(authorization.allowed_headers)]
  const added = authorization_request.headers_to_add.map(({ key, value }: any) => [
    key,
    value.replace('%ENVIRONMENT(LATCHKEY_VERIFIER)%', verifier.secret),
  ])
  return await send(latchkey.port, {
    method,
    path: path_prefix + path,
    headers: {
      ...pick(headers, allowed),
      host: 'service.example',
      'content-length': '0',
      'x-forwarded-for': forwarded,
      'x-envoy-internal': 'true',
      ...Object.fromEntries(added),
    },
  })
}

const fits = (regex: string, text = ''): boolean => new RegExp(`^(?:${regex})$`).test(text)

/** What the service gets of a request, or the status that its client does. */
async function through({ headers, ...rest }: Head): Promise<Headers | number> {
  const kept = omit(headers, removedEarly)
  const verdict = await ask({ ...rest, headers: kept })
  if (verdict.status !== 200) return verdict.status
  const told = pick(verdict.headers, exact(authorization_response.allowed_upstream_headers))
  const route = host.routes.find(
    ({ match }: any) =>
      fits(match.safe_regex.regex, rest.path.split('?')[0]) &&
      fits(match.headers?.[0].string_match.safe_regex.regex ?? '.*', rest.method),
  )
  if (route === undefined) return 404
  const { rbac } = route.typed_per_filter_config['envoy.filters.http.rbac']
  const [policy]: any[] = Object.values(rbac.rules.policies)
  const { name, string_match } = policy.permissions[0].header
  if (!fits(string_match.safe_regex.regex, told[name])) return 403
  return omit({ ...kept, ...told }, manager.route_config.request_headers_to_remove)
}

const bearer = (secret: string): Headers => ({ authorization: `Bearer ${secret}` })
const path = '/agents/agt_1'

test('Envoy is set up to ask first, to believe no client and to let nothing through by default', () => {
  expect(filterNames).toEqual(['cors', 'ext_authz', 'rbac', 'router'])
  expect(path_prefix).toBe('/verify')
  expect(manager.use_remote_address).toBe(true)
  expect(manager.common_http_protocol_options.headers_with_underscores_action).toBe('DROP_HEADER')
  expect(authorization).not.toHaveProperty('failure_mode_allow')
  expect(authorization.status_on_error.code).toBe('ServiceUnavailable')
  expect(manager.http_filters[2].typed_config.rules).toEqual({})
  for (const { route, typed_per_filter_config } of host.routes) {
    expect(clusters.map(({ name }: any) => name)).toContain(route.cluster)
    expect(Object.keys(typed_per_filter_config)).toEqual(['envoy.filters.http.rbac'])
  }
  expect(host.typed_per_filter_config['envoy.filters.http.cors'].allow_headers).toBe(
    'authorization, *',
  )
})

test('Envoy gets a verdict for every method, path and query behind /verify', async () => {
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
    for (const target of ['/', path, '/a/b?c=d&e', '//', '/../health', '/..%2fmetrics']) {
      const question = { method, path: target, from: near }
      const yes = await ask({ ...question, headers: bearer(client.secret) })
      expect([method, target, yes.status]).toEqual([method, target, 200])
      expect(yes.headers).toMatchObject({ 'latchkey-verdict': 'VALID', 'content-length': '0' })
      const no = await ask({ ...question, headers: {} })
      expect([no.status, no.headers['latchkey-verdict']]).toEqual([401, 'MISSING'])
    }
})

test('a request passes Envoy with what its route needs, and without it not', async () => {
  const headers = bearer(reader.secret)
  const head = { method: 'GET', path, headers, from: '198.51.100.7' }
  const passes = expect.objectContaining({ 'latchkey-key-id': reader.id })
  expect(await through(head)).toEqual(passes)
  expect(await through({ ...head, path: `${path}?permission=agents:read` })).toEqual(passes)
  expect(await through({ ...head, path: `${path}?permission=agents:update` })).toBe(403)
  expect(await through({ ...head, path: `${path}?ip=${near}` })).toBe(400)
  for (const method of ['POST', 'DELETE', 'OPTIONS'])
    expect([method, await through({ ...head, method })]).toEqual([method, 403])
  for (const odd of ['/agents/../admin', '/agents/a%2f..', '/agents;/a', '/Agents/a', '/admin'])
    expect([odd, await through({ ...head, path: odd })]).toEqual([odd, 404])
  expect(await through({ ...head, headers: {} })).toBe(401)
})

test("over its limit Envoy's client gets the verdict with Retry-After", async () => {
  const limits = { permissions, allSpaces: true, requestsPerMinute: 1 }
  const { secret } = await make.key({ name: 'one', ...limits })
  const head = { method: 'GET', path, headers: bearer(secret), from: near }
  expect((await ask(head)).status).toBe(200)
  const { status, headers } = await ask(head)
  expect([status, headers['latchkey-verdict']]).toEqual([403, 'RATE_LIMITED'])
  expect(headers['retry-after']).toMatch(/^\d+$/)
  const shown = exact(authorization_response.allowed_client_headers)
  expect(Object.keys(headers)).toEqual(expect.arrayContaining(shown))
})

test('an address rule is held against where the client connects to Envoy from', async () => {
  const head = { method: 'GET', path, headers: bearer(client.secret), from: near }
  expect((await ask(head)).status).toBe(200)
  expect((await ask({ ...head, from: '198.51.100.7' })).status).toBe(401)
  const spoofed = { ...head.headers, 'x-forwarded-for': near }
  expect((await ask({ ...head, headers: spoofed, from: '198.51.100.7' })).status).toBe(401)
})

test('what a client forges reaches neither Latchkey nor the service through Envoy', async () => {
  const headers = { ...forged, ...bearer(reader.secret), 'x-api-key': reader.secret, kept: 'yes' }
  const before = latchkey.questions.length
  const served = await through({ method: 'GET', path, headers, from: near })
  expect(latchkey.questions[before]?.headers['latchkey-verifier']).toBe(verifier.secret)
  expect(served).toEqual({
    'latchkey-key-id': reader.id,
    'latchkey-owner-id': workspace.ownerId,
    'latchkey-workspace-id': workspace.id,
    'latchkey-permissions': 'agents:read',
    'x-forwarded-for': near,
    kept: 'yes',
  })
})
