import { GraphQLError, Kind } from 'graphql'
import { UploadedFile } from '../input/uploaded-file.ts'
import { builder } from './builder.ts'

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw new GraphQLError('A DateTime is text such as "2027-01-31T23:59:59Z".')
}

builder.scalarType('DateTime', {
  description:
    'An instant in RFC 3339, always in UTC in answers. Inputs may leave out the seconds, or be a date: its start in UTC.',
  serialize: (value) => value.toISOString() as unknown as Date,
  parseValue: text,
  parseLiteral: (node) => text(node.kind === Kind.STRING ? node.value : undefined),
})

function file(value: unknown): UploadedFile {
  if (value instanceof UploadedFile) return value
  throw new GraphQLError('A File is sent as a variable of a GraphQL multipart request.')
}

builder.scalarType('File', {
  description: 'A file, as a part of a GraphQL multipart request. Only ever given.',
  serialize: file as () => never,
  parseValue: file,
  parseLiteral: () => file(undefined),
})
