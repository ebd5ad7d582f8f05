// GraphQL Yoga as it comes, with nothing to do: the other side of the comparison.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'

const schema = createSchema({
  typeDefs: 'type Query { hello: String }',
  resolvers: { Query: { hello: () => 'world' } },
})

createServer(createYoga({ schema })).listen(Number(process.env.PORT), '127.0.0.1')
