import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Context } from '../context.ts'

const refused = (message: string, status: number): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status } } })

const isJsonText = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The engine's own reader knows the media type in small letters only. */
async function readJson(request: Request): Promise<object> {
  const body: unknown = await request.json().catch(() => {
    throw refused('The body is not JSON.', 400)
  })
  if (typeof body !== 'object' || body === null)
    throw refused('The body must be an object of JSON.', 400)
  return body
}

/**
 * Refuses what the engine would take for another thing or stumble over: a body that is not JSON (a
 * form of another page can be sent without asking first), and an address whose variables are none.
 */
export const onlyWellFormed: Plugin<object, Context> = {
  onRequestParse({ request, setRequestParser }) {
    if (request.method === 'POST') {
      const type = request.headers.get('content-type') ?? ''
      if (!/^application\/json\s*(;|$)/i.test(type))
        throw refused('Send the operation as application/json.', 415)
      setRequestParser(readJson)
    } else {
      const parameters = new URL(request.url).searchParams
      for (const name of ['variables', 'extensions']) {
        const text = parameters.get(name)
        if (text && !isJsonText(text)) throw refused(`${name} must be JSON.`, 400)
      }
    }
  },
  onSubscribe() {
    throw refused('There are no subscriptions.', 400)
  },
}
