import { type App, createApp } from '../../src/app.ts'
import { createAccessTokens } from '../../src/auth/access-tokens.ts'
import { serve } from '../http/listening.ts'
import type { World } from '../setup/world.ts'

/** Serves the world on a free port until the test ends, under the address that it has there. */
export async function serveWorld({ deps }: World): Promise<string> {
  let app: App | undefined
  const { url } = await serve(async (request, peer) => {
    if (app === undefined) throw new Error('not yet')
    return await app.fetch(request, peer)
  })
  const accessTokens = createAccessTokens(deps.signingKeys, url)
  const options = { graphiql: false, introspection: 'public' } as const
  app = createApp({ ...deps, publicUrl: url, accessTokens }, options)
  return url
}
