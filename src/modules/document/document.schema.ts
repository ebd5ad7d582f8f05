import type { GraphQLResolveInfo } from 'graphql'
import type { Deps } from '../../deps.ts'
import type { Document as DocumentRow, Prisma } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import type { Context, DataLoader } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { userField } from '../member/user.schema.ts'
import { sessionLoader } from '../session/session.schema.ts'
import { ofSessionsHeld } from '../session/session.visibility.ts'
import { documentsOf, visibleDocuments } from './document.visibility.ts'
import { mediaTypes } from './media-type.ts'

export const Document = builder.prismaObject('Document', {
  // Who sees it follows from its session.
  select: { id: true, workspaceId: true, createdAt: true, sessionId: true },
  description:
    'A file that was given to a session. The text of those that are text is told the agent.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the document.' }),
    name: t.exposeString('name', { description: 'The name of the file.' }),
    mediaType: t.exposeString('mediaType', {
      description:
        'The media type of the document, by its content; of text that is not in UTF-8 with its charset.',
    }),
    bytes: t.exposeInt('bytes', { description: 'How long it is.' }),
    sha256: t.exposeString('sha256', { description: 'The SHA-256 of its content, in hex.' }),
    session: t.prismaField({
      type: 'Session',
      nullable: true,
      guard: 'sessions:read',
      description: 'The session that it was given to.',
      resolve: (query, { sessionId }, _args, context, info) =>
        sessionLoader(context, info, query).load(sessionId),
    }),
    url: t.string({
      description: 'Where to download it, with the same credentials as the API.',
      resolve: ({ id }, _args, { deps }) => `${deps.publicUrl}/documents/${id}`,
    }),
    createdBy: t.field(userField('createdById', 'The user who uploaded the document.')),
    createdById: t.exposeID('createdById', { description: 'The id of the user who uploaded it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded.' }),
  }),
})

const DocumentLimits = builder.objectRef<object>('DocumentLimits').implement({
  description: 'The limits of the documents of a session.',
  leafFields: 'public',
  fields: (t) => ({
    maxCount: t.int({
      description: 'How many documents.',
      resolve: (_limits, _args, { deps }) => deps.documents.maxCount,
    }),
    maxBytes: t.int({
      description: 'How long each may be.',
      resolve: (_limits, _args, { deps }) => deps.documents.maxBytes,
    }),
    mediaTypes: t.stringList({
      listSize: mediaTypes.length,
      description: 'The media types that a document may have.',
      resolve: () => [...mediaTypes],
    }),
  }),
})

/** The documents of each session, as far as the caller sees them, newest first, as one field shows them. */
const documentsLoader = (
  context: Context,
  { fieldNodes }: GraphQLResolveInfo,
  plan: Prisma.DocumentDefaultArgs,
): DataLoader<DocumentRow[]> =>
  context.loader(fieldNodes, async (sessionIds) => {
    const { prisma } = context.deps
    const rows = await prisma.document.findMany({
      ...plan,
      where: await visibleDocuments(prisma, context.caller, sessionIds),
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    })
    const bySession = Map.groupBy(rows, ({ sessionId }) => sessionId)
    return sessionIds.map((id) => bySession.get(id) ?? [])
  })

builder.prismaObjectFields('Session', (t) => ({
  documents: t.prismaField({
    type: ['Document'],
    nullable: true,
    guard: 'documents:read',
    description: 'The files that were given to it, the newest first.',
    listSize: ({ context: { deps } }) => deps.documents.maxCount,
    extensions: { chargedSize: ({ documents: { maxCount } }: Deps) => maxCount },
    resolve: (query, { id }, _args, context, info) =>
      documentsLoader(context, info, query).load(id),
  }),
  documentLimits: t.field({
    type: DocumentLimits,
    guard: 'public',
    description: 'The limits of its documents.',
    resolve: () => ({}),
  }),
}))

/** The documents of these ids that the caller sees. */
async function findDocuments(
  { deps: { prisma }, caller }: Context,
  ids: string[],
  plan: Prisma.DocumentDefaultArgs,
): Promise<DocumentRow[]> {
  const documents = await prisma.document.findMany({ ...plan, where: documentsOf(caller, ids) })
  return ofSessionsHeld(prisma, caller, 'documents:read', documents)
}

entity('doc', Document, {
  item: 'document',
  guard: 'documents:read',
  description: 'One document.',
  noun: 'document',
  find: (context, ids, plan) => findDocuments(context, ids, plan),
})
