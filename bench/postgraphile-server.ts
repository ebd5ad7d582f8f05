// PostGraphile with its default preset over a database of Latchkey's, without authorization.
import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const service = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL ?? '' })],
}).createServ(grafserv)

const server = createServer()
await service.addTo(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
