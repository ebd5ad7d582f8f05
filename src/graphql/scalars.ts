import { GraphQLError, Kind } from 'graphql'
import { builder } from '../builder.ts'

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw new GraphQLError('A DateTime is an RFC 3339 instant as text.')
}

builder.scalarType('DateTime', {
  description: 'An RFC 3339 instant in UTC.',
  serialize: (value) => value.toISOString() as unknown as Date,
  parseValue: text,
  parseLiteral: (node) => text(node.kind === Kind.STRING ? node.value : undefined),
})
