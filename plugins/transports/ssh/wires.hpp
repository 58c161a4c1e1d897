// The two clients behind one face.
#pragma once

#include <memory>
#include <string>

#include "destination.hpp"
#include "wire.hpp"

namespace grid::ssh {

enum class Client {
  libssh2,  // in this process
  openssh,  // the system's ssh, with connection sharing
};

// Not connected yet. The address is resolved anew by each connect(): its settings may have changed.
std::unique_ptr<Wire> make_wire(Client client, std::string address, Setup setup);

}  // namespace grid::ssh
