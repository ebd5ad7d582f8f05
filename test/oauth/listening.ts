import { type App, createApp } from '../../src/app.ts'
import { createAccessTokens } from '../../src/auth/access-tokens.ts'
import { serve } from '../http/listening.ts'
import type { World } from '../setup/world.ts'

/** The world under another address: where it is served, on a free port, until the test ends. */
export async function serveWorld({ deps }: World): Promise<{ url: string; app: App }> {
  let app: App | undefined
  const { url } = await serve(async (request, peer) => {
    if (app === undefined) throw new Error('not yet')
    return await app.fetch(request, peer)
  })
  const accessTokens = createAccessTokens(deps.signingKeys, url)
  const options = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  app = createApp({ ...deps, publicUrl: url, accessTokens }, options)
  return { url, app }
}
