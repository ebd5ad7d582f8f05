/** Where operations are sent. */
export const graphqlPath = '/graphql'

/** Where gateways ask; below it, too, followed by the path of the request that they ask about. */
export const verifyPath = '/verify'

/** Where documents are; the rest of the address is the id. */
export const documentsPath = '/documents/'
