import { createHash } from 'node:crypto'
import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
} from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
// @ts-expect-error It has no types.
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs'
import { ClientError, GraphQLClient } from 'graphql-request'
import { beforeAll, expect, test } from 'vitest'
import { createStage, type Stage, uploadQuery } from '../modules/document/ask.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { serveHandler } from './listening.ts'

let stage: Stage

useWorld()
beforeAll(async () => {
  stage = await createStage(world)
})

const who = 'query Who($named: Boolean!) { viewer { kind user { name @include(if: $named) } } }'
const named = { viewer: { user: { name: 'Olga Owner' } } }
const create =
  'mutation Create($name: String!) { createSpace(input: { name: $name }) { space { name } } }'
const created = (name: string) => ({ createSpace: { space: { name } } })
const wrong = 'query Wrong { viewer { agents } }'
const wrongCode = 'GRAPHQL_VALIDATION_FAILED'
const upload = () => ({ sessionId: stage.session, file: new File(['A text.'], 'notes.txt') })
const uploaded = { uploadDocument: { document: { bytes: 7 }, errors: [] } }

/** Where the API is, and how to ask there; `asked` tells in what form it was. */
async function endpoint() {
  const { url } = await serveHandler(world.app.handle)
  const asked: string[] = []
  const recording: typeof fetch = (input, init) => {
    const isText = /[?&"]query["=]/.test(`${input}${init?.body}`)
    asked.push(init?.body instanceof FormData ? 'form' : isText ? 'text' : 'hash')
    return fetch(input, init)
  }
  const headers = { authorization: `Bearer ${stage.workspace.secret}` }
  return { uri: `${url}/graphql`, headers, fetch: recording, asked }
}

/** No document is known by its hash, and the answer to the first keeps clients from trying others. */
const onceByHash = ['hash', 'text', 'text', 'text']

test.each([false, true])('Apollo Client asks by hash first, by GET: %s', async (byGet) => {
  const { asked, ...options } = await endpoint()
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    clientAwareness: { name: 'web', version: '1.2.3' },
    link: ApolloLink.from([
      new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet }),
      new HttpLink(options),
    ]),
  })
  const answer = await client.query({ query: gql(who), variables: { named: true } })
  expect(answer.data).toMatchObject(named)
  const name = `Apollo ${byGet}`
  const changed = await client.mutate({ mutation: gql(create), variables: { name } })
  expect(changed.data).toMatchObject(created(name))
  const error: unknown = await client.query({ query: gql(wrong) }).catch((thrown) => thrown)
  if (!CombinedGraphQLErrors.is(error)) throw error
  expect(error.errors[0]?.extensions?.code).toBe(wrongCode)
  expect(asked).toEqual(onceByHash)
})

test('Apollo Client uploads', async () => {
  const { asked, ...options } = await endpoint()
  const link = new UploadHttpLink(options)
  const client = new ApolloClient({ cache: new InMemoryCache(), link })
  const answer = await client.mutate({ mutation: gql(uploadQuery), variables: upload() })
  expect(answer.data).toMatchObject(uploaded)
  expect(asked).toEqual(['form'])
})

test.each([false, true])('urql asks by hash first, by GET: %s; and uploads', async (byGet) => {
  const { uri, headers, fetch, asked } = await endpoint()
  const persisted = persistedExchange({
    preferGetForPersistedQueries: byGet,
    enableForMutation: true,
  })
  const client = new Client({
    url: uri,
    fetch,
    fetchOptions: { headers },
    preferGetMethod: byGet,
    exchanges: [persisted, fetchExchange],
  })
  expect((await client.query(who, { named: true })).data).toMatchObject(named)
  const name = `urql ${byGet}`
  expect((await client.mutation(create, { name })).data).toMatchObject(created(name))
  const { error } = await client.query(wrong, {})
  expect(error?.graphQLErrors[0]?.extensions.code).toBe(wrongCode)
  expect((await client.mutation(uploadQuery, upload())).data).toMatchObject(uploaded)
  expect(asked).toEqual([...onceByHash, 'form'])
})

test.each(['GET', 'POST'] as const)('graphql-request asks by %s', async (method) => {
  const { uri, headers, fetch } = await endpoint()
  const client = new GraphQLClient(uri, { headers, fetch, method })
  expect(await client.request(who, { named: true })).toMatchObject(named)
  const error: unknown = await client.request(wrong).catch((thrown) => thrown)
  if (!(error instanceof ClientError)) throw error
  expect(error.response.errors?.[0]?.extensions.code).toBe(wrongCode)
})
