import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'operations.graphql',
  generates: {
    'generated/operations.ts': {
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        // Text instead of syntax trees: the page needs no GraphQL library.
        documentMode: 'string',
        scalars: { ID: 'string', DateTime: 'string', File: 'File' },
        // A scalar that is not in the list above stops the generator.
        strictScalars: true,
        enumType: 'string-literal',
        skipTypename: true,
        useTypeImports: true,
      },
    },
  },
}

export default config
