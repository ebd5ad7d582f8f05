// A service that verifies keys with better-auth, which offers it to its own process only.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import pg from 'pg'
import { createAuth } from './better-auth.ts'

const { api } = createAuth(new pg.Pool({ connectionString: process.env.DATABASE_URL }))

createServer(async (request, response) => {
  const { key } = (await json(request)) as { key: string }
  const { valid, error } = await api.verifyApiKey({ body: { key } })
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ valid, error }))
}).listen(Number(process.env.PORT), '127.0.0.1')
