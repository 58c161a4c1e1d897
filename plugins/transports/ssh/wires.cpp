#include "wires.hpp"

#include "libssh2_wire.hpp"
#include "openssh_wire.hpp"

namespace grid::ssh {

std::unique_ptr<Wire> make_wire(Client client, std::string address, Setup setup) {
  if (client == Client::openssh) return std::make_unique<OpensshWire>(std::move(address), std::move(setup));
  return std::make_unique<Libssh2Wire>(std::move(address), std::move(setup));
}

}  // namespace grid::ssh
